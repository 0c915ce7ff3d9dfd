export const PlaygroundPage = () => (
  <div class="page">
    <h1>Playground</h1>
  </div>
);
