import { type Item, type Part, reasoningText } from '../../../core/items.ts';

/** An item of a conversation as Markdown, for people. */
export function toMarkdown(item: Item): string {
  switch (item.type) {
    case 'message':
      return `**${item.role}**\n\n${item.content.map(partText).join('\n\n')}`;
    case 'reasoning': {
      const thought = reasoningText(item);
      return thought === '' ? '' : `<details><summary>Thought</summary>\n\n${thought}\n\n</details>`;
    }
    case 'function_call':
      return `**call** \`${item.name}\`\n\n${fenced(item.arguments)}`;
    case 'function_call_output':
      return `**output**\n\n${fenced(typeof item.output === 'string' ? item.output : item.output.map(partText).join('\n'))}`;
    default:
      return `**${item.type}**\n\n${fenced(JSON.stringify(item, null, 2))}`;
  }
}

function partText(part: Part): string {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
      return part.text;
    case 'refusal':
      return part.refusal;
    case 'input_image':
      return part.image_url?.startsWith('https:') ? `![image](${part.image_url})` : '*[image]*';
    case 'input_file':
      return `*[file ${part.filename ?? ''}]*`;
    default:
      return `*[${part.type}]*`;
  }
}

/** A fence is longer than every row of backticks in its text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((row) => row.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}
