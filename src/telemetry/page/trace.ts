/** The part of the page's script that shows one trace: its spans as a waterfall, and why it was kept or dropped. */
export const traceScript = `
/* one trace */
const valueOf = (v) => (v === undefined ? '' : v.arrayValue ? '[' + (v.arrayValue.values || []).map(valueOf).join(', ') + ']' : v.kvlistValue ? JSON.stringify(v.kvlistValue) : String(Object.values(v)[0] ?? ''));
/* What an answer leaves out, in words; nothing where it is whole. */
function leftOut(answer) { return answer.status === 'PARTIAL' ? answer.message || 'There is more than could be looked at: this is a part of it.' : ''; }
/* Some senders give a root a parent of zeros. */
const isZero = (id) => /^(0*|A+=)$/.test(id || '');
function isError(span) { return span.status !== undefined && (span.status.code === 2 || span.status.code === 'STATUS_CODE_ERROR'); }
function spansOf(trace) {
  return (trace.resourceSpans || trace.batches || []).flatMap((group) => {
    const service = (group.resource?.attributes || []).find((a) => a.key === 'service.name');
    return (group.scopeSpans || []).flatMap((scope) => (scope.spans || []).map((span) => ({
      ...span, parentSpanId: isZero(span.parentSpanId) ? '' : span.parentSpanId, service: valueOf(service?.value) || '?', resource: group.resource?.attributes || [], scope: scope.scope?.name || '',
      from: BigInt(span.startTimeUnixNano || 0), to: BigInt(span.endTimeUnixNano || 0), children: [],
    })));
  });
}
/* Depth first, by start time; a span whose parent is not here counts as a root, and cycles are cut. */
function inOrder(spans) {
  const known = new Map(spans.map((span) => [span.spanId, span]));
  const roots = spans.filter((span) => { const parent = span.parentSpanId && known.get(span.parentSpanId); if (parent && parent !== span) parent.children.push(span); return !parent || parent === span; });
  const rows = [], seen = new Set(), byStart = (a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0);
  const walk = (list) => {
    const stack = list.sort(byStart).reverse().map((span) => [span, 0]);
    while (stack.length > 0) {
      const [span, depth] = stack.pop();
      if (seen.has(span)) continue;
      seen.add(span); rows.push([span, depth]);
      for (const child of span.children.sort(byStart).reverse()) stack.push([child, depth + 1]);
    }
  };
  walk(roots); walk(spans.filter((span) => !seen.has(span)));
  return rows;
}
/* Red means an error, so no service has it. */
const hue = (text) => 45 + ([...text].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 9973, 7) % 270);
function waterfall(spans) {
  const begin = spans.reduce((min, s) => (s.from > 0n && (min === 0n || s.from < min) ? s.from : min), 0n);
  const end = spans.reduce((max, s) => (s.to > max ? s.to : max), begin);
  const width = Number(end - begin) || 1;
  const limit = 2000, rows = inOrder(spans);
  const shown = rows.slice(0, limit).map(([span, depth]) => spanRow(span, depth, begin, width));
  const cut = rows.length > limit ? el('p', { className: 'warn' }, 'The first ' + limit + ' of ' + rows.length + ' spans; all of them: obsctl trace show.') : '';
  return [el('p', { className: 'soft' }, count(spans.length, 'span') + ' · ' + count(new Set(spans.map((s) => s.service)).size, 'service') + ' · ' + count(spans.filter(isError).length, 'error') + ' · ' + ms(width / 1e6) + ' · ' + time(Number(begin / 1000000n))), ...shown, cut];
}
function spanRow(span, depth, begin, width) {
  const left = Math.max(0, Math.min(100, (Number(span.from - begin) / width) * 100));
  const wide = Math.max(0, Math.min(100 - left, (Number(span.to - span.from) / width) * 100));
  const took = ms(Math.max(0, Number(span.to - span.from)) / 1e6);
  const style = { '--depth': String(Math.min(depth, 24)), '--hue': String(hue(span.service)), '--left': left + '%', '--width': wide + '%' };
  const orphan = depth === 0 && span.parentSpanId ? el('span', { className: 'warn', title: 'its parent is not in this trace' }, ' ↥') : null;
  const button = el('button', { className: 'span', type: 'button', ariaExpanded: 'false', style },
    el('span', { className: 'name', title: span.service + ' ' + span.name }, isError(span) ? el('strong', { className: 'bad' }, '✕ ') : null, el('strong', {}, span.service), ' ' + span.name, orphan),
    el('span', { className: 'lane' }, el('span', { className: 'bar' }), el('span', { className: 'time soft' }, took)));
  const detail = el('div', { className: 'attributes', hidden: true, style });
  button.addEventListener('click', () => {
    if (!detail.hasChildNodes()) detail.append(facts(details(span)));
    detail.hidden = !detail.hidden; button.ariaExpanded = String(!detail.hidden);
  });
  return el('div', {}, button, detail);
}
function details(span) {
  const pairs = (list) => (list || []).map((a) => [a.key, mono(valueOf(a.value))]);
  const events = (span.events || []).map((event) => ['event ' + event.name, mono(pairs(event.attributes).map(([key, value]) => key + '=' + value.textContent).join('  '))]);
  const status = span.status && span.status.message ? [['status', span.status.message]] : [];
  return [['kind', String(span.kind ?? '')], ['scope', span.scope], ...status, ...pairs(span.attributes), ...events, ['trace state', mono(span.traceState || '')], ...pairs(span.resource)].filter(([, value]) => (typeof value === 'string' ? value : value.textContent) !== '');
}
function explanation(it) {
  const word = { keep: 'kept', drop: 'dropped', waiting: 'waiting' }[it.verdict];
  const votes = it.votes.map((v) => v.policy + ': ' + v.vote).join(' · ');
  return el('section', {}, el('h2', {}, 'Why'), facts([['verdict', el('strong', { className: it.verdict === 'keep' ? 'good' : '' }, word + (it.policy ? ' by ' + it.policy : ''))], ['votes', votes],
    ['stands for', it.verdict === 'keep' ? (it.adjustedCount > 1 ? 'about ' + number(Math.round(it.adjustedCount)) + ' such traces' : 'itself alone') : '–'], ['revision', mono(it.revision)], ['decided', it.decidedAt ? time(it.decidedAt) + ', due by ' + it.trigger : 'not yet'],
    ['size', number(it.spans) + ' spans, ' + bytes(it.bytes) + (it.lateSpans ? ', ' + number(it.lateSpans) + ' late' : '') + (it.complete ? '' : ', decided without its root')]]));
}
const warning = (text) => (text === '' ? null : el('p', { className: 'warn' }, text));
const dropped = (why) => (why.status === 'fulfilled' && why.value.verdict === 'drop' ? el('p', { className: 'warn' }, 'This trace was dropped: it is in the window for some minutes.') : null);
async function showTrace(id) {
  const [why, trace] = await Promise.allSettled([ask('/api/explain/' + id), ask('/api/v2/traces/' + id)]);
  const spans = trace.status === 'fulfilled' ? spansOf(trace.value.trace || trace.value) : [];
  const heading = el('h2', {}, 'Trace ', el('span', { className: 'mono id' }, id));
  const found = spans.length > 0 ? el('section', {}, heading, dropped(why), warning(leftOut(trace.value)), ...waterfall(spans)) : el('section', {}, heading, el('p', {}, trace.status === 'rejected' ? trace.reason.message : 'No spans of it are stored here.'));
  if (location.hash !== '#/trace/' + id) return;
  show('view', found, why.status === 'fulfilled' ? explanation(why.value) : el('section', {}, el('h2', {}, 'Why'), el('p', {}, why.reason.message)));
}
`;
