/** What can have rows of its own. */
export const BY = [
  { value: 'model', title: 'Model' },
  { value: 'claw', title: 'Claw' },
  { value: 'alias', title: 'Alias' },
  { value: 'key', title: 'Key' },
  { value: 'user', title: 'User' },
  { value: 'tenant', title: 'Tenant' },
  { value: 'day', title: 'Day' },
] as const;
export type By = (typeof BY)[number]['value'];
