import { urlOf } from '../api/client.ts';
import { useLoaded } from '../api/load.ts';
import type { ModelInfoList } from '../api/types.ts';
import { setQuery } from '../route.ts';

const LIST = 'known-models';

/** Any name that a caller could use; the known models are offered. `name` is that of the page's query. */
export const ModelField = ({ label, name, value }: { label: string; name: string; value: string }) => (
  <label class="field">
    <span class="label">{label}</span>
    <input
      list={LIST}
      required
      placeholder="provider/model or an alias"
      value={value}
      onChange={(event) => setQuery({ [name]: event.currentTarget.value.trim() })}
    />
  </label>
);

/** What the fields offer. */
export function KnownModels() {
  const models = useLoaded<ModelInfoList>(urlOf('models')).data?.data ?? [];
  return (
    <datalist id={LIST}>
      {models.map(({ name }) => (
        <option key={name} value={name} />
      ))}
    </datalist>
  );
}
