import { useState } from 'preact/hooks';
import { urlOf } from '../api/client.ts';
import { useLoaded } from '../api/load.ts';
import type { Setting, SettingList } from '../api/types.ts';
import { Failure, Nothing } from '../parts/notice.tsx';
import { SearchField } from '../parts/search-field.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { inline } from '../turn/markdown.tsx';

const COLUMNS: readonly Column<Setting>[] = [
  { title: 'Setting', cell: (setting) => <Name setting={setting} /> },
  { title: 'Value', cell: (setting) => <Value setting={setting} /> },
  { title: 'From', cell: ({ origin }) => <Origin of={origin} /> },
];

/** Every setting, with its value and where the value comes from. To change one, change the file. */
export function ConfigurationPage() {
  const { data, error } = useLoaded<SettingList>(urlOf('config'));
  const [part, setPart] = useState('');
  const [isOwn, setOwn] = useState(false);
  const rows = data?.data.filter(
    ({ name, origin }) =>
      name.toLowerCase().includes(part.trim().toLowerCase()) && !(isOwn && origin === 'default'),
  );
  return (
    <div class="page">
      <header class="page-head">
        <h1>Configuration</h1>
        <label class="check">
          <input type="checkbox" checked={isOwn} onChange={(event) => setOwn(event.currentTarget.checked)} />
          Only what was set
        </label>
      </header>
      <SearchField what="Part of a name" text={part} setText={setPart} />
      <Failure error={error} />
      {rows?.length === 0 && <Nothing>No setting is like this.</Nothing>}
      {rows && rows.length > 0 && (
        <Table caption="Settings" columns={COLUMNS} rows={rows} keyOf={({ name }) => name} />
      )}
    </div>
  );
}

const Name = ({ setting: { name, description, needs_restart: restart } }: { setting: Setting }) => (
  <>
    <span class="mono">{name}</span> {restart && <span class="chip">restart</span>}
    {description && <p class="soft small setting-text">{inline(description)}</p>}
  </>
);

function Value({ setting: { value, is_secret: isSecret, is_set: isSet } }: { setting: Setting }) {
  if (!isSet) return <span class="soft">not set</span>;
  if (isSecret) return <span class="soft">hidden</span>;
  return <span class="mono setting-value">{typeof value === 'string' ? value : JSON.stringify(value)}</span>;
}

const Origin = ({ of }: { of: string }) =>
  of === 'default' ? <span class="soft">default</span> : <span class="mono nowrap">{of}</span>;
