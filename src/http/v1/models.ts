import type { Api } from '../../api/api.ts';
import { Fault } from '../../core/errors.ts';
import { nearestModels } from '../../core/nearest.ts';
import type { Dialect } from '../dialect.ts';
import { isModelName } from '../google-method.ts';
import { json } from '../published.ts';
import type { Route } from '../route.ts';
import { Model, ModelList } from './replies.ts';

/** Everything that can be called now (OpenAI API description, `ListModelsResponse`); milliseconds since the epoch. */
export function modelRoutes(
  { models }: Pick<Api, 'models'>,
  startedAt: number,
  dialects: readonly Pick<Dialect, 'models'>[],
): Route[] {
  const viewsFor = ({ headers }: Request) =>
    dialects.find((dialect) => dialect.models?.isAsked(headers))?.models;
  const created = Math.floor(startedAt / 1000);
  const view = (id: string) => ({ id, object: 'model', created, owned_by: ownerOf(id) });
  return [
    {
      method: 'GET',
      path: '/v1/models',
      access: 'key',
      doc: { what: 'Lists the models that can be called now with the key.', replies: [json(ModelList)] },
      handle({ request, caller, query }) {
        const names = models.names(caller);
        const views = viewsFor(request);
        return Response.json(
          views ? views.list(names, startedAt, query) : { object: 'list', data: names.map(view) },
        );
      },
    },
    {
      method: 'GET',
      path: '/v1/models/*',
      fits: isModelName,
      access: 'key',
      doc: { what: 'Says whether a model can be called.', replies: [json(Model)] },
      handle({ request, params, caller }) {
        const id = params['*']!;
        const names = models.names(caller);
        // No list has the names that a pattern of an alias matches, nor the bare names of models.
        if (names.includes(id) || models.has(id, caller)) {
          const views = viewsFor(request);
          return Response.json(views ? views.one(id, startedAt) : view(id));
        }
        const near = nearestModels(id, names);
        const hint = near.length > 0 ? ` Did you mean ${near.join(', ')}?` : '';
        throw new Fault('model_not_found', `The model "${id}" does not exist here.${hint}`, {
          param: 'model',
        });
      },
    },
  ];
}

/** The provider; an alias belongs to the gateway. */
function ownerOf(name: string): string {
  const slash = name.indexOf('/');
  return slash === -1 ? 'clawhold' : name.slice(0, slash);
}
