"""A conversation that uses only Python's standard library. The README shows the `openai` package.

Usage: CLAWHOLD_ROOT_KEY=$(cat clawhold-data/root-key) python3 examples/trip.py
"""

import json
import os
import urllib.request

URL = os.environ.get("CLAWHOLD_URL", "http://127.0.0.1:2529")


def respond(**body):
    request = urllib.request.Request(
        f"{URL}/v1/responses",
        data=json.dumps({"model": os.environ.get("MODEL", "local/recall"), **body}).encode(),
        headers={"authorization": f"Bearer {os.environ['CLAWHOLD_ROOT_KEY']}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


first = respond(input="My name is Ada.")
second = respond(input="What is my name?", previous_response_id=first["id"])
print(second["output"][0]["content"][0]["text"])
