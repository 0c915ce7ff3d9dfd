import { Icon } from '../parts/icon.tsx';
import type { Block } from './answer.ts';
import { Call, ItemView, Thought } from './items.tsx';
import { Markdown } from './markdown.tsx';

/** An answer with its seams: what each call wrote, and why another one went on. */
export const AnswerView = ({ blocks }: { blocks: readonly Block[] }) => (
  <>
    {blocks.map((block, index) => (
      <BlockView key={index} block={block} />
    ))}
  </>
);

function BlockView({ block }: { block: Block }) {
  if (block.kind === 'seam') return <Seam model={block.model} cause={block.cause} />;
  const view = <Content block={block} />;
  if (!block.isVoid) return view;
  return (
    <div class="void">
      <p class="small">Discarded by the rescue:</p>
      {view}
    </div>
  );
}

function Content({ block }: { block: Exclude<Block, { kind: 'seam' }> }) {
  switch (block.kind) {
    case 'text':
      return (
        <div class="message assistant">
          <Markdown text={block.text} />
        </div>
      );
    case 'refusal':
      return <p class="refusal">{block.text}</p>;
    case 'thought':
      return <Thought text={block.text} />;
    case 'call':
      return <Call name={block.name} text={block.text} />;
    case 'item':
      return <ItemView item={block.item} />;
  }
}

const Seam = ({ model, cause }: { model: string; cause: string }) => (
  <p class="seam">
    <Icon name="seam" />{' '}
    <span>{cause === 'hedge_lost' ? 'Another call was faster' : `Rescued after ${cause}`}</span>
    <span class="chip">{model}</span> goes on
  </p>
);
