import type { ComponentChildren, VNode } from 'preact';

/** The part of Markdown that answers use: headings, lists, code, emphasis, links. Everything else is text. */
export const Markdown = ({ text }: { text: string }) => <div class="prose">{blocksOf(text)}</div>;

function blocksOf(text: string): VNode[] {
  const blocks: VNode[] = [];
  const lines = text.split('\n');
  let at = 0;
  /** Takes the lines that pass. */
  const take = (passes: (line: string) => boolean): string[] => {
    const start = at;
    while (at < lines.length && passes(lines[at]!)) at++;
    return lines.slice(start, at);
  };
  while (at < lines.length) {
    const line = lines[at]!;
    const key = at;
    if (line.trim() === '') at++;
    else if (/^\s*```/.test(line)) {
      at++;
      const code = take((one) => !/^\s*```\s*$/.test(one)).join('\n');
      at++;
      blocks.push(<Code key={key} text={code} />);
    } else if (/^#{1,6}\s/.test(line)) {
      at++;
      blocks.push(
        <p key={key} class="heading">
          {inline(line.replace(/^#+\s+/, ''))}
        </p>,
      );
    } else if (BULLET.test(line)) {
      blocks.push(
        <ul key={key}>{take((one) => BULLET.test(one)).map((one, index) => entry(one, index))}</ul>,
      );
    } else if (NUMBER.test(line)) {
      blocks.push(
        <ol key={key}>{take((one) => NUMBER.test(one)).map((one, index) => entry(one, index))}</ol>,
      );
    } else {
      blocks.push(<p key={key}>{inline(take(isText).join('\n'))}</p>);
    }
  }
  return blocks;
}

const BULLET = /^\s*[-*+]\s+/;
const NUMBER = /^\s*\d{1,9}[.)]\s+/;
const isText = (line: string): boolean =>
  line.trim() !== '' && !/^(\s*```|#{1,6}\s)/.test(line) && !BULLET.test(line) && !NUMBER.test(line);

const entry = (line: string, key: number): VNode => (
  <li key={key}>{inline(line.replace(BULLET, '').replace(NUMBER, ''))}</li>
);

const INLINE = /(`[^`\n]+`|\*\*[^*\n]+\*\*|\[[^\]\n]+\]\(https?:\/\/[^\s)]+\))/;

/** A text of one paragraph. */
export function inline(text: string): ComponentChildren {
  return text.split(INLINE).map((part) => {
    if (part.startsWith('`') && part.length > 2) return <code>{part.slice(1, -1)}</code>;
    if (part.startsWith('**') && part.length > 4) return <strong>{part.slice(2, -2)}</strong>;
    const [, title, url] = /^\[([^\]]+)\]\((https?:[^)]+)\)$/.exec(part) ?? [];
    if (!url) return part;
    return (
      <a href={url} target="_blank" rel="noreferrer">
        {title}
      </a>
    );
  });
}

/** Code, or any text in which every space counts. */
export const Code = ({ text }: { text: string }) => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: long lines scroll, also with the keyboard.
  <pre class="code" tabIndex={0}>
    <code>{text}</code>
  </pre>
);
