import { useState } from 'preact/hooks';
import { urlOf } from '../api/client.ts';
import { useLoaded } from '../api/load.ts';
import type { ModelInfo, ModelInfoList } from '../api/types.ts';
import { count } from '../format.ts';
import { Failure, Nothing } from '../parts/notice.tsx';
import { SearchField } from '../parts/search-field.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { hrefOf } from '../route.ts';

const price = (usd: number | null): string => (usd === null ? '–' : `$${usd}`);
const tokens = (value: number | null): string => (value === null ? '–' : count(value));

const COLUMNS: readonly Column<ModelInfo>[] = [
  { title: 'Model', cell: ({ name }) => <a href={hrefOf(['playground'], { model: name })}>{name}</a> },
  { title: 'Context', isNumber: true, cell: ({ context }) => tokens(context) },
  { title: 'Answer', isNumber: true, cell: ({ output }) => tokens(output) },
  { title: 'Input', isNumber: true, cell: (model) => price(model.input_price) },
  { title: 'From the cache', isNumber: true, cell: (model) => price(model.cache_read_price) },
  { title: 'Output', isNumber: true, cell: (model) => price(model.output_price) },
  { title: 'Can', cell: (model) => <Abilities model={model} /> },
];

/** What can be called, with limits, and prices in US dollars per million tokens. */
export function ModelsPage() {
  const { data, error } = useLoaded<ModelInfoList>(urlOf('models'));
  const [part, setPart] = useState('');
  const rows = data?.data.filter(({ name }) => name.toLowerCase().includes(part.trim().toLowerCase()));
  return (
    <div class="page">
      <header class="page-head">
        <div>
          <h1>Models</h1>
          <p class="soft small">Prices in US dollars per million tokens.</p>
        </div>
      </header>
      <SearchField what="Part of a name" text={part} setText={setPart} />
      <Failure error={error} />
      {rows?.length === 0 && <Nothing>No model has such a name.</Nothing>}
      {rows && rows.length > 0 && (
        <Table caption="Models" columns={COLUMNS} rows={rows} keyOf={({ name }) => name} />
      )}
    </div>
  );
}

function Abilities({ model: { reasons, tools, inputs } }: { model: ModelInfo }) {
  const words = [
    ...(reasons ? ['reasoning'] : []),
    ...(tools ? ['tools'] : []),
    ...(inputs ?? []).filter((kind) => kind !== 'text'),
  ];
  return (
    <span class="name-and-chips">
      {words.map((word) => (
        <span class="chip" key={word}>
          {word}
        </span>
      ))}
    </span>
  );
}
