export const ClawsPage = () => (
  <div class="page">
    <h1>Claws</h1>
  </div>
);
