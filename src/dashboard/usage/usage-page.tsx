export const UsagePage = () => (
  <div class="page">
    <h1>Usage</h1>
  </div>
);
