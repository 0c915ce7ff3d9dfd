/** SQL files are imported as text: `import insertTurn from './sql/insert-turn.sql' with { type: 'text' }`. */
declare module '*.sql' {
  const text: string;
  export default text;
}
