/** Every header that the gateway itself adds to its replies, described once: the reference is made from it. */
export const REPLY_HEADERS = [
  { name: 'x-request-id', what: "The request's id, also in the log." },
  { name: 'x-clawhold-model-id', what: 'The model that answers, as `provider/model`.' },
  { name: 'x-clawhold-response-id', what: 'The id under which the response can be fetched.' },
  { name: 'x-clawhold-session-id', what: 'The id of the session of the turn.' },
  {
    name: 'x-clawhold-kept',
    what: 'For a turn that cannot be fetched by its id: `session` where its session keeps it, otherwise `none`.',
  },
  {
    name: 'x-clawhold-history',
    what: 'What the input was for the session: `started`, `appended`, `matched`, `forked` or `side`.',
  },
  {
    name: 'x-clawhold-context',
    what: 'What the model gets of the session: tokens of the prompt, turns, and tokens of history that are left out.',
  },
  { name: 'x-clawhold-dropped-tools', what: 'The types of the tools that were left out.' },
  { name: 'x-clawhold-attempted-retries', what: 'How many calls failed before the answer began.' },
  { name: 'x-clawhold-response-cost', what: 'The cost of a whole answer in US dollars.' },
  { name: 'x-clawhold-replayed', what: '`true` where an earlier request did the work.' },
  { name: 'x-should-retry', what: 'Tells SDKs whether to send the request again.' },
  { name: 'retry-after', what: 'After how many seconds to send again, or to fetch a turn that is accepted.' },
  { name: 'location', what: 'Where a turn that is accepted can be fetched.' },
  { name: 'allow', what: 'The methods that the path takes, with 405.' },
  { name: 'www-authenticate', what: '`Bearer`, with 401.' },
  { name: 'accept-encoding', what: 'The content encodings of bodies that are read, with 415.' },
  { name: 'upgrade', what: '`websocket`, with 426.' },
] as const satisfies readonly { name: string; what: string }[];

/** Headers of a reply by their names. */
export type ReplyHeaders = Partial<Record<(typeof REPLY_HEADERS)[number]['name'], string>>;
