import { Fault } from '../../core/errors.ts';
import { nearestModels } from '../../core/nearest.ts';
import type { Directory } from '../../routing/choose.ts';
import type { Route } from '../exchange.ts';

/** `GET /v1/models`: everything that can be called now (OpenAI API description, `ListModelsResponse`). */
export function modelRoutes(directory: Directory, startedAt: number): Route[] {
  const created = Math.floor(startedAt / 1000);
  const view = (id: string) => ({ id, object: 'model', created, owned_by: ownerOf(id) });
  return [
    {
      method: 'GET',
      path: '/v1/models',
      handle: () => Response.json({ object: 'list', data: directory.names().map(view) }),
    },
    {
      method: 'GET',
      path: '/v1/models/*',
      handle: ({ request }) => {
        const id = decoded(new URL(request.url).pathname.slice('/v1/models/'.length));
        const names = directory.names();
        if (names.includes(id)) return Response.json(view(id));
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

/** A path that is not well encoded names nothing that exists. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
