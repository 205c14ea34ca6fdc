/** The page's body. What is filled in by the script has an id; without scripts the links still lead somewhere. */
export const markup = String.raw`
<header>
  <h1><a href="#/">Tailgate</a></h1>
  <span id="identity" class="soft"></span>
  <span id="health" class="badge" role="status"></span>
</header>
<main>
  <noscript><p>This page needs JavaScript. The same facts: <a href="/api/status">/api/status</a>, <a href="/metrics">/metrics</a>.</p></noscript>
  <section aria-labelledby="find-title">
    <h2 id="find-title">Find a trace</h2>
    <form id="find" role="search">
      <label class="wide">Service, trace ID or TraceQL
        <input id="text" type="search" list="services" autocomplete="off" spellcheck="false" placeholder='checkout · 4bf92f35… · { span.http.route = "/login" }'>
        <datalist id="services"></datalist>
      </label>
      <label id="whose" hidden>Tenant <select id="tenant"></select></label>
      <label>Errors only <input id="errors" type="checkbox"></label>
      <label id="all" hidden>Dropped ones too <input id="window" type="checkbox"></label>
      <label>At least <input id="duration" size="7" placeholder="500ms" pattern="\d+(\.\d+)?(us|ms|s|m)"></label>
      <label>In the last
        <select id="last"><option value="900">15 minutes</option><option value="3600" selected>hour</option><option value="21600">6 hours</option><option value="86400">day</option></select>
      </label>
      <button class="go">Find</button>
    </form>
    <p id="note" role="status"></p>
  </section>
  <div id="view" aria-live="polite"></div>
  <div id="state" class="cards">
    <section aria-labelledby="books-title"><h2 id="books-title">Books</h2><div id="books"></div></section>
    <section aria-labelledby="rules-title"><h2 id="rules-title">Rules in force</h2><div id="rules"></div></section>
    <section aria-labelledby="buffer-title"><h2 id="buffer-title">Buffer</h2><div id="buffer"></div></section>
    <section id="fleet" class="all" aria-labelledby="fleet-title" hidden><h2 id="fleet-title">Fleet</h2><div id="members" class="scroll"></div></section>
    <section class="all" aria-labelledby="export-title"><h2 id="export-title">Exporters</h2><div id="export" class="scroll"></div></section>
  </div>
</main>
`;
