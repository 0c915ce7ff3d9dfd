@rem npm scripts run in cmd.exe on Windows, which lacks the shell command exec. See "start" in package.json.
@%*
