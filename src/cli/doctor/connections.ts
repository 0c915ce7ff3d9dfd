import type { Connection, ProviderOn } from '../../claws/find-providers.ts';

/** One connection with the facts about its provider. */
export interface CheckedConnection extends Omit<ProviderOn, 'connections'>, Connection {
  /** The provider's id, with the instance's name where the provider has instances: `openai@eu`. */
  subject: string;
}

export const connectionsOf = ({ connections, ...found }: ProviderOn): CheckedConnection[] =>
  connections.map((connection) => {
    const { instance } = connection;
    return {
      ...found,
      ...connection,
      subject: instance === undefined ? found.id : `${found.id}@${instance}`,
    };
  });
