import { bookRows, handedOn } from '../../model/outcome.ts';
import { noRulesSource } from '../../model/rules.ts';
import { traceScript } from './trace.ts';

/**
 * The page's script, plain JavaScript for the browser. Whatever comes from a span is put in as text, never as markup.
 * The address after # names what is shown: #/ , #/find?… , #/trace/{id}.
 */
const pageScript = `
'use strict';
const byId = (id) => document.getElementById(id);
function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (key === 'style') for (const [name, v] of Object.entries(value)) node.style.setProperty(name, v);
    else if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
const show = (id, ...nodes) => byId(id).replaceChildren(...nodes);
const number = (n) => Number(n).toLocaleString('en');
const bytes = (n) => { let u = 0; while (n >= 1024 && u < 4) { n /= 1024; u++; } return (u ? n.toFixed(1) : n) + ' ' + ['B', 'KiB', 'MiB', 'GiB', 'TiB'][u]; };
const count = (n, thing) => number(n) + ' ' + thing + (n === 1 ? '' : 's');
const time = (at) => (at ? new Date(at).toLocaleString() : 'never');
const ms = (n) => (n >= 1000 ? (n / 1000).toFixed(2) + ' s' : n >= 1 ? n.toFixed(1) + ' ms' : (n * 1000).toFixed(0) + ' µs');
const age = (s) => (s >= 86400 ? Math.floor(s / 86400) + ' d ' : '') + (s >= 3600 ? Math.floor((s % 86400) / 3600) + ' h ' : '') + Math.floor((s % 3600) / 60) + ' min';
const facts = (pairs) => el('dl', {}, ...pairs.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
const mono = (text) => el('span', { className: 'mono' }, text);
function table(heads, rows, caption) {
  const head = el('tr', {}, ...heads.map((h) => el('th', { scope: 'col', className: h.startsWith('#') ? 'n' : '' }, h.replace('#', ''))));
  const cells = (row) => el('tr', {}, ...row.map((cell, i) => el('td', { className: heads[i].startsWith('#') ? 'n' : '' }, cell)));
  return el('table', { ariaLabel: caption }, el('thead', {}, head), el('tbody', {}, ...rows.map(cells)));
}
let tenantHeader = '';
/* Whose traces are looked for, where there are tenants; the first one at first. */
function showTenants(header, tenants) {
  const names = tenants.map((it) => it.name);
  if (!header || [...byId('tenant').options].map((it) => it.value).join() === names.join()) return;
  tenantHeader = header;
  byId('whose').hidden = false;
  show('tenant', ...names.map((name) => el('option', { value: name }, name)));
}
byId('tenant').addEventListener('change', () => { suggestServices(); route(); });
async function ask(path) {
  const tenant = tenantHeader ? { [tenantHeader]: byId('tenant').value } : {};
  const response = await fetch(path, { headers: { accept: 'application/json', ...tenant } });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(body.error || body.message || response.statusText), { status: response.status });
  return body;
}

/* the state of the gateway */
function badge(text, good) { byId('health').textContent = text; byId('health').className = 'badge ' + (good ? 'good' : 'bad'); }
function showBooks(books) {
  const names = ${JSON.stringify(bookRows)}.filter((name) => !${JSON.stringify(handedOn)}.includes(name) || books.spans[name]);
  const lost = (name) => (name === 'lost' && books.spans.lost > 0 ? el('strong', { className: 'bad' }, name) : name.replace('_', ' '));
  const rows = names.map((name) => [lost(name), number(books.spans[name]), name in books.traces ? number(books.traces[name]) : '']);
  const verdict = books.balanced ? el('p', { className: 'good' }, 'Balanced: every span is accounted for.') : el('p', { className: 'bad' }, 'The books do not balance: see docs/operations.md.');
  const broken = books.spans.lost > 0 ? el('p', { className: 'bad' }, 'Spans were lost: docs/operations.md says what to do.') : '';
  show('books', table(['', '#spans', '#traces'], rows, 'Books'), verdict, broken);
}
function showRules(rules) {
  if (rules.source === ${JSON.stringify(noRulesSource)}) return show('rules', el('p', { className: 'soft' }, 'None: nothing is decided here.'));
  const newer = rules.lastRefusal && !rules.lastRefusal.settled;
  const refusal = rules.lastRefusal && el('p', { className: newer ? 'bad' : 'soft' }, (newer ? 'A newer version was refused ' : 'Last refusal ') + time(rules.lastRefusal.at) + ': ', mono(rules.lastRefusal.error));
  show('rules', facts([['revision', mono(rules.revision)], ['hash', mono(rules.hash)], ['source', mono(rules.source)], ['loaded', time(rules.loadedAt)],
    ['policies', mono(rules.policies.join(', '))], ['debug', rules.debug ? el('strong', { className: 'warn' }, 'on: every trace is kept') : 'off']]), refusal || '');
}
function showBuffer(buffer) {
  const share = buffer.limitBytes ? buffer.bytes / buffer.limitBytes : 0;
  const text = bytes(buffer.bytes) + ' of ' + bytes(buffer.limitBytes) + ' (' + (share * 100).toFixed(1) + ' %)';
  show('buffer', el('meter', { min: 0, max: 1, low: 0.8, high: 0.95, optimum: 0, value: share, ariaLabel: 'Buffer: ' + text }),
    facts([['memory', text], ['waiting', count(buffer.traces, 'trace') + ', ' + count(buffer.spans, 'span')], ['oldest', buffer.oldestSeconds.toFixed(1) + ' s']]));
}
function showExport(exporters, books) {
  const row = (it) => {
    const book = books.exporters.find((b) => b.name === it.name) || {};
    return [it.name, number(book.exported), number(book.queued), book.failed ? el('strong', { className: 'bad' }, number(book.failed)) : '0', bytes(it.queueBytes), time(it.lastSuccessAt)];
  };
  const failing = exporters.filter((it) => it.failing).map((it) => el('p', { className: 'bad' }, it.name + ' can store nothing: ', mono(it.failing)));
  const errors = exporters.filter((it) => it.lastError).map((it) => el('p', { className: 'warn' }, it.name + ', last error: ', mono(it.lastError)));
  show('export', table(['', '#exported', '#queued', '#failed', '#queue', 'last success'], exporters.map(row), 'Exporters'), ...failing, ...errors);
}
/* Who else there is; nobody where this gateway is alone. */
function showFleet({ self, epoch, members, owned }) {
  byId('fleet').hidden = members.length === 0;
  const there = members.filter((it) => it.state === 'self' || it.state === 'reachable').length;
  const owns = self ? self + ' owns ' + (100 * owned).toPrecision(3) + ' % of all traces' : 'this one brings spans to them, and owns none';
  const row = (it) => [it.name, mono(it.address), el('span', { className: it.state === 'unreachable' ? 'bad' : '' }, it.state === 'self' ? 'this one' : it.state)];
  show('members', table(['', 'address', 'state'], members.map(row), 'Members of the fleet'), el('p', {}, there + ' of ' + count(members.length, 'member') + ', list ', mono(epoch), '; ' + owns + '.'));
}
async function refresh(isFirst) {
  if (document.hidden && isFirst !== true) return;
  try {
    const status = await ask('/api/status');
    byId('identity').textContent = [status.version, status.environment, count(status.shards, 'shard'), 'up ' + age(status.uptimeSeconds)].join(' · ');
    showTenants(status.tenantHeader, status.tenants || []);
    byId('all').hidden = !(status.window && status.window.limitBytes);
    showBooks(status.books); showRules(status.rules); showBuffer(status.buffer); showExport(status.export, status.books);
    const ready = await fetch('/readyz');
    badge(ready.ok ? 'ready' : 'not ready: ' + (await ready.text()).trim(), ready.ok);
    showFleet(await ask('/api/cluster'));
  } catch (error) { badge(error.status ? error.message : 'no answer from the gateway', false); }
}

/* finding traces */
const isTraceId = (text) => /^[0-9a-f]{16,32}$/i.test(text);
function traceQl(text, errors, duration) {
  if (text.startsWith('{')) return text;
  const terms = [];
  if (text) terms.push('resource.service.name = ' + JSON.stringify(text));
  if (errors) terms.push('status = error');
  if (duration) terms.push('duration > ' + duration);
  return '{ ' + terms.join(' && ') + ' }';
}
byId('find').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = byId('text').value.trim();
  const query = new URLSearchParams({ text, errors: byId('errors').checked ? '1' : '', window: byId('window').checked ? '1' : '', duration: byId('duration').value.trim(), last: byId('last').value });
  const target = isTraceId(text) ? '#/trace/' + text.toLowerCase() : '#/find?' + query;
  if (location.hash === target) route(); else location.hash = target;
});
async function find(query) {
  const [text, errors, duration, last, all] = ['text', 'errors', 'duration', 'last', 'window'].map((name) => query.get(name) || '');
  byId('text').value = text; byId('errors').checked = errors === '1'; byId('window').checked = all === '1'; byId('duration').value = duration; byId('last').value = last || '3600';
  const end = Math.ceil(Date.now() / 1000) + 1;
  const search = new URLSearchParams({ q: traceQl(text, errors, duration), start: end - Number(last || 3600), end, limit: 50, ...(all ? { window: 'true' } : {}) });
  const asked = location.hash, answer = await ask('/api/search?' + search), { traces = [] } = answer;
  if (location.hash !== asked) return;
  traces.sort((a, b) => (BigInt(a.startTimeUnixNano || 0) < BigInt(b.startTimeUnixNano || 0) ? 1 : -1));
  byId('note').textContent = traces.length === 0 ? 'Nothing found. Kept traces appear once they are decided, that is after decision_wait.' : traces.length + (traces.length === 50 ? ' traces, the limit; narrow the search to see others' : ' found');
  if (leftOut(answer)) byId('note').textContent += '. ' + leftOut(answer);
  const row = (it) => {
    const id = it.traceID.padStart(32, '0');
    const failed = Object.values(it.serviceStats || {}).reduce((sum, service) => sum + (service.errorCount || 0), 0);
    return [time(Number(BigInt(it.startTimeUnixNano || 0) / 1000000n)), el('a', { href: '#/trace/' + id, className: 'mono' }, id), it.rootServiceName || '?', it.rootTraceName || '', failed ? el('span', { className: 'bad' }, number(failed)) : '', it.durationMs ? ms(it.durationMs) : '< 1 ms', ...(all ? [{ keep: 'kept', drop: 'dropped' }[it.tailgate?.verdict] || it.tailgate?.verdict || ''] : [])];
  };
  if (traces.length > 0) show('view', el('section', { className: 'scroll' }, table(['start', 'trace', 'service', 'name', '#errors', '#duration', ...(all ? ['verdict'] : [])], traces.map(row), 'Traces')));
}
async function suggestServices() {
  const { tagValues = [] } = await ask('/api/v2/search/tag/resource.service.name/values').catch(() => ({}));
  show('services', ...tagValues.filter((it) => it.value).map((it) => el('option', { value: it.value })));
}
`;

const routeScript = String.raw`
async function route() {
  const [path, query] = location.hash.slice(1).split(/\?(.*)/s);
  show('view'); byId('note').textContent = '';
  try {
    if (path.startsWith('/trace/')) await showTrace(path.slice(7));
    else if (path === '/find') await find(new URLSearchParams(query));
  } catch (error) { byId('note').textContent = error.message; }
}
addEventListener('hashchange', route);
addEventListener('visibilitychange', refresh);
setInterval(refresh, 5000);
// Whose traces to ask for, the state says.
refresh(true).then(() => { suggestServices(); route(); });
`;

/** All of it: the first two parts declare, the last one runs. */
export const script = pageScript + traceScript + routeScript;
