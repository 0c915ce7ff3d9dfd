import type { ComponentChildren } from 'preact';
import type { Item } from '../api/types.ts';
import {
  callOf,
  generatedImage,
  messageParts,
  outputOf,
  type Shown,
  thoughtOf,
  tidyJson,
} from './content.ts';
import { Code, Markdown } from './markdown.tsx';

/** One item of a turn. */
export function ItemView({ item }: { item: Item }) {
  const image = generatedImage(item);
  if (image) return <Picture url={image} />;
  switch (item.type) {
    case 'message':
      return <Message item={item} />;
    case 'reasoning':
      return <Thought text={thoughtOf(item)} />;
    case 'function_call':
    case 'custom_tool_call':
      return <Call {...callOf(item)} isCut={item.status === 'incomplete'} />;
    case 'function_call_output':
    case 'custom_tool_call_output':
      return <CallOutput parts={outputOf(item)} />;
    default:
      return (
        <Fold title={item.type.replaceAll('_', ' ')}>
          <Code text={JSON.stringify(item, null, 2)} />
        </Fold>
      );
  }
}

function Message({ item }: { item: Item }) {
  const role = String(item.role);
  const parts = messageParts(item);
  if (role === 'system' || role === 'developer')
    return (
      <Fold title={`Instructions (${role})`}>
        <Parts parts={parts} />
      </Fold>
    );
  return (
    <div class={`message ${role}`}>
      {role === 'user' && <span class="hidden">User: </span>}
      <Parts parts={parts} />
      {item.status === 'incomplete' && <p class="cut small">This message was cut.</p>}
    </div>
  );
}

const Parts = ({ parts }: { parts: readonly Shown[] }) => (
  <>
    {parts.map((part, index) => (
      <PartView key={index} part={part} />
    ))}
  </>
);

function PartView({ part }: { part: Shown }) {
  switch (part.kind) {
    case 'image':
      return <Picture url={part.url} />;
    case 'file':
      return <p class="soft small">Attached: {part.name}</p>;
    case 'refusal':
      return <p class="refusal">{part.text}</p>;
    default:
      return <Markdown text={part.text} />;
  }
}

const Picture = ({ url }: { url: string }) => (
  <img class="picture" src={url} alt="Part of the message" loading="lazy" />
);

export const Thought = ({ text }: { text: string }) => (
  <Fold title="Thought">
    {text === '' ? <p class="soft">The provider does not show this thought.</p> : <Markdown text={text} />}
  </Fold>
);

export const Call = ({ name, text, isCut }: { name: string; text: string; isCut?: boolean }) => (
  <Fold
    title={
      <>
        Calls <code>{name}</code>
        {isCut && ' (cut)'}
      </>
    }
    hint={text}
  >
    <Code text={tidyJson(text)} />
  </Fold>
);

function CallOutput({ parts }: { parts: readonly Shown[] }) {
  const text = parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join('\n');
  const others = parts.filter(({ kind }) => kind !== 'text');
  return (
    <Fold title="Result of a call" hint={text}>
      {text !== '' && <Code text={tidyJson(text)} />}
      <Parts parts={others} />
    </Fold>
  );
}

interface FoldProps {
  title: ComponentChildren;
  /** The beginning of what is folded. */
  hint?: string;
  children: ComponentChildren;
}

/** What is read only if somebody wants to. */
export const Fold = ({ title, hint, children }: FoldProps) => (
  <details class="fold">
    <summary>
      <span>{title}</span>
      {hint && <span class="fold-hint mono">{hint.slice(0, 160)}</span>}
    </summary>
    <div class="fold-body">{children}</div>
  </details>
);
