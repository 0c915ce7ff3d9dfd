export const ModelsPage = () => (
  <div class="page">
    <h1>Models</h1>
  </div>
);
