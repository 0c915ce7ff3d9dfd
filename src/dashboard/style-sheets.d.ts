/** The bundler takes style sheets; they have no value. */
declare module '*.css';
