/** Small pictures, drawn with lines in the colour of the text. They mean nothing without the text beside them. */
const LINES = {
  brand: 'M17 9a6.2 6.2 0 1 0 0 6M12 12h.01',
  overview: 'M4 18V9M10 18V5M16 18v-7M21 18H3',
  sessions: 'M5 5h14v10H10l-5 4z',
  playground: 'M8 5l11 7-11 7z',
  claws: 'M7 4v5a5 5 0 0 0 10 0V4M12 14v6',
  models: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9',
  usage: 'M12 3v9h9a9 9 0 1 1-9-9z',
  configuration: 'M4 7h10M18 7h2M4 17h2M10 17h10M14 4.5v5M6 14.5v5',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l5 5',
  fork: 'M7 4v16M7 12c6 0 10-2 10-7',
  seam: 'M3 12h5l2-4 4 8 2-4h5',
} as const;

export type IconName = keyof typeof LINES;

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={LINES[name]} />
  </svg>
);
