export const ConfigurationPage = () => (
  <div class="page">
    <h1>Configuration</h1>
  </div>
);
