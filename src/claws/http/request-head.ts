/**
 * The fields that `fetch` adds. No coding of the answer is asked for: it would cost more time than the network saves.
 */
const ADDED = `Connection: keep-alive\r\nUser-Agent: Bun/${Bun.version}\r\nAccept: */*\r\nContent-Length: `;

const NAME = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/;
const VALUE = /^[\t -~]*$/;

/**
 * The head of a request that begins with these lines. Throws `TypeError` for a field that could not be sent as it is:
 * a line end in a key must not begin another field.
 */
export function requestHead(
  begin: string,
  headers: Readonly<Record<string, string>>,
  contentLength: number,
): string {
  let head = begin;
  for (const name in headers) {
    // `fetch` does the same with white space around a value, such as the line end after a key in a file.
    const value = headers[name]!.trim();
    if (!NAME.test(name) || !VALUE.test(value)) throw new TypeError(`The header ${name} cannot be sent.`);
    head += `${name}: ${value}\r\n`;
  }
  return `${head}${ADDED}${contentLength}\r\n\r\n`;
}
