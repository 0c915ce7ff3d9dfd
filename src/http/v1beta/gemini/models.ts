import type { Api } from '../../../api/api.ts';
import { Fault } from '../../../core/errors.ts';
import { nearestModels } from '../../../core/nearest.ts';
import { isModelName } from '../../google-method.ts';
import type { Route } from '../../route.ts';
import { validate } from '../../v1/fields.ts';
import * as docs from './route-docs.ts';

/** What can be called, in Google's form (https://ai.google.dev/api/models). */
export function modelRoutes({ models }: Pick<Api, 'models'>): Route[] {
  const view = (name: string) => modelView(name, models.limits(name));
  return [
    {
      method: 'GET',
      path: '/v1beta/models',
      access: 'key',
      doc: docs.MODELS,
      handle: ({ caller, query }) => Response.json(page(models.names(caller), query, view)),
    },
    {
      method: 'GET',
      path: '/v1beta/models/*',
      fits: isModelName,
      access: 'key',
      doc: docs.MODEL,
      handle: ({ params, caller }) => {
        const name = params['*']!;
        const names = models.names(caller);
        if (names.includes(name) || models.has(name, caller)) return Response.json(view(name));
        const near = nearestModels(name, names);
        const hint = near.length > 0 ? ` Did you mean ${near.join(', ')}?` : '';
        throw new Fault('model_not_found', `The model "${name}" does not exist here.${hint}`, {
          param: 'name',
        });
      },
    },
  ];
}

type Limits = ReturnType<Api['models']['limits']>;

/** Limits that are not known are left out. */
function modelView(name: string, { contextLimit, outputLimit, reasons }: Limits) {
  return {
    name: `models/${name}`,
    version: '',
    displayName: name,
    ...(contextLimit !== undefined && { inputTokenLimit: contextLimit }),
    ...(outputLimit !== undefined && { outputTokenLimit: outputLimit }),
    supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'],
    ...(reasons !== undefined && { thinking: reasons }),
  };
}

/** "The maximum number of Models to return (per page). If unspecified, 50 models." */
const PAGE = 50;

/** A page token is the number of the models before the page: the list changes only with the configuration. */
function page(names: readonly string[], query: URLSearchParams, view: (name: string) => object) {
  const { pageSize, pageToken } = validate(docs.modelQuery, {
    pageSize: query.get('pageSize') ?? undefined,
    pageToken: query.get('pageToken') ?? undefined,
  });
  const start = pageToken ?? 0;
  const end = start + (pageSize || PAGE);
  return {
    models: names.slice(start, end).map(view),
    ...(end < names.length && { nextPageToken: String(end) }),
  };
}
