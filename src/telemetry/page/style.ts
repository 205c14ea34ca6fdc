/** The page's style sheet: two themes by the reader's preference, system fonts, nothing loaded. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #0f1318); --card: light-dark(#fff, #171c23); --line: light-dark(#dfe3e8, #2a313b);
  --ink: light-dark(#1a2129, #e4e9ef); --soft: light-dark(#57616d, #98a3b0); --accent: light-dark(#0b63ce, #6cb0ff);
  --good: light-dark(#0d7a3f, #4ecb87); --bad: light-dark(#b3261e, #ff8a80); --warn: light-dark(#8a5a00, #f2b84b);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
header, main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; padding-bottom: 0; }
h1 { font-size: 1.3rem; margin: 0; letter-spacing: -.01em; }
h1 a { color: inherit; text-decoration: none; }
h2 { font-size: .8rem; margin: 0 0 .6rem; text-transform: uppercase; letter-spacing: .06em; color: var(--soft); }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .88em; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(21rem, 1fr)); gap: 1rem; margin-bottom: 1rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin-bottom: 1rem; min-width: 0; }
.cards section { margin: 0; }
p:last-child { margin-bottom: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child > * { border-bottom: 0; }
.n + :not(.n) { padding-left: 1.5rem; }
td a.mono { white-space: nowrap; }
th { font-weight: 500; color: var(--soft); }
td.n, th.n { text-align: right; padding-right: 0; padding-left: .75rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
meter { width: 100%; height: .8rem; }
.id { text-transform: none; letter-spacing: 0; color: var(--ink); }
.all { grid-column: 1 / -1; }
.badge { border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .8rem; }
form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: end; }
label { display: grid; gap: .15rem; font-size: .8rem; color: var(--soft); }
label.wide { flex: 1 1 20rem; }
input, select, button { font: inherit; color: var(--ink); background: var(--ground); border: 1px solid var(--line); border-radius: .4rem; padding: .35rem .6rem; min-width: 0; }
input, select, button.go { height: 2.3rem; }
input[type=checkbox] { width: 1.2rem; height: 1.2rem; margin: .55rem 0; accent-color: var(--accent); }
button.go { background: var(--accent); color: light-dark(#fff, #0f1318); border-color: transparent; cursor: pointer; }
#note { margin: .6rem 0 0; } #note:empty { display: none; }
.scroll { overflow-x: auto; }
.span { display: grid; grid-template-columns: minmax(10rem, 2fr) 3fr; width: 100%; padding: 0; border: 0; border-radius: 0; background: none; text-align: left; align-items: center; cursor: pointer; border-top: 1px solid var(--line); }
.span:hover { background: var(--ground); }
.span .name { overflow: hidden; white-space: nowrap; text-overflow: ellipsis; padding: .2rem .5rem .2rem calc(var(--depth) * .9rem); }
.span .lane { position: relative; margin-right: 5rem; height: 1.5rem; }
.span .bar { position: absolute; top: .4rem; height: .7rem; min-width: 3px; border-radius: 2px; left: var(--left); width: var(--width); background: hsl(var(--hue) 55% 52%); }
.span .time { position: absolute; left: calc(var(--left) + var(--width)); top: .1rem; font-size: .78rem; padding: 0 .35rem; white-space: nowrap; }
.attributes { padding: .5rem .5rem .8rem calc(var(--depth) * .9rem + .6rem); border-left: 3px solid hsl(var(--hue) 55% 52%); font-size: .9rem; }
.attributes dl { grid-template-columns: minmax(8rem, max-content) 1fr; }
@media (max-width: 40rem) { .span { grid-template-columns: 1fr; } .cards { grid-template-columns: 1fr; } }
`;
