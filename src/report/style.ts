// The report's style sheet: light and dark by the reader's setting, one column on a phone, nothing that moves where the
// reader asks for less motion. Charts and animations that bring white paper lie on cards of that white.

import { classColours } from '../plot/colours.ts';

/** Two of the classes' colours are too dark for a dark page. */
const lighter: Record<number, string> = { 2: '#f0563a', 4: '#b06ae0', 5: '#c98b79', 8: '#9aa0ad' };
const palette = (change: Record<number, string>) =>
  classColours.map((colour, i) => `--k${i}:${change[i] ?? colour};`).join('');

export const style = `
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--fg:#1b1f24;--soft:#59636e;--line:#dde1e6;--accent:#0b5fc0;
--on:#fff;--shade:0 1px 2px rgb(20 30 45/.06),0 4px 16px rgb(20 30 45/.05);${palette({})}}
@media (prefers-color-scheme:dark){:root{--bg:#101317;--card:#191d23;--fg:#e8ebef;--soft:#9aa4b0;--line:#2c323a;
--accent:#7ab5ff;--on:#0d1117;--shade:none;${palette(lighter)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
main,header,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:44px}
.kicker{margin:0;color:var(--soft);font-size:14px}
h1{margin:4px 0 0;font-size:clamp(28px,5vw,44px);line-height:1.15;letter-spacing:-.02em;font-weight:700}
h2{margin:0 0 4px;font-size:22px;line-height:1.3;letter-spacing:-.01em}
h3{margin:0;font-size:16px}
section{margin-top:48px}
.lead{margin:0 0 18px;color:var(--soft);max-width:68ch}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.stats{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:26px 0 0}
.stats div,.card{background:var(--card);border:1px solid var(--line);border-radius:14px;box-shadow:var(--shade)}
.stats div{padding:14px 18px;display:flex;flex-direction:column-reverse;justify-content:flex-end}
.stats dd{margin:0;font-size:26px;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums;white-space:nowrap}
.stats dd small{font-size:14px;font-weight:500;color:var(--soft);letter-spacing:0}
.stats dt{color:var(--soft);font-size:14px}
.card{padding:18px;min-width:0}
.paper{background:#fff;color:#1b1f24;border:1px solid var(--line);border-radius:14px;padding:12px;margin:0;min-width:0}
.paper svg,.paper img{display:block;width:100%;height:auto;max-width:var(--w,none);margin:0 auto}
.narrow{display:none!important}
.tile{display:block;width:100%;aspect-ratio:var(--ratio);background-image:var(--sheet);background-size:var(--size);
background-position:var(--x) var(--y);image-rendering:pixelated;border-radius:6px;background-color:#000}
.sound .tile{filter:url(#magma)}
button{font:inherit;color:inherit}
.hear{position:relative;display:block;width:100%;padding:0;border:0;border-radius:8px;background:none;cursor:pointer}
.hear::after{content:"";position:absolute;right:5%;bottom:5%;width:max(16px,min(26px,24%));aspect-ratio:1;border-radius:50%;
background:rgb(255 255 255/.92) url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 26 26'%3E%3Cpath d='M10 7.5v11l9-5.5z' fill='%23111'/%3E%3C/svg%3E") center/100%;
opacity:.75;transition:opacity .15s,transform .15s}
.hear:hover::after,.hear:focus-visible::after{opacity:1;transform:scale(1.08)}
.hear.on::after{opacity:1;background-image:url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 26 26'%3E%3Cpath d='M9 8h8v10H9z' fill='%23111'/%3E%3C/svg%3E")}
.hear.on .tile{box-shadow:0 0 0 3px var(--accent)}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(90px,1fr));gap:18px 14px;margin:0;list-style:none}
.pairs.roomy strong{font-size:13px}
.pairs.roomy{grid-template-columns:repeat(auto-fill,minmax(118px,1fr))}
.pairs .two{display:grid;gap:6px}
.pairs p{margin:6px 0 0;font-size:13px;line-height:1.35;color:var(--soft)}
.pairs strong{display:block;color:var(--fg);font-size:14px}
.rows{display:grid;gap:10px;grid-template-columns:repeat(auto-fit,minmax(min(100%,470px),1fr));gap:14px 32px}
.row{display:grid;grid-template-columns:3.2em 1fr;align-items:center;gap:10px;min-width:0}
.row.plain{grid-template-columns:1fr}
.row h3{text-align:right;font-size:18px;overflow:hidden;text-overflow:ellipsis}
.strip{display:grid;grid-template-columns:repeat(var(--n),minmax(0,1fr));gap:6px}
.bar{display:flex;flex-wrap:wrap;gap:10px 22px;margin:0 0 14px}
fieldset{border:0;margin:0;padding:0;display:flex;align-items:center;gap:10px;min-width:0}
legend{float:left;padding:0;color:var(--soft);font-size:14px}
.seg{display:flex;background:var(--line);border-radius:9px;padding:2px}
.seg label{position:relative;font-size:14px}
.seg input{position:absolute;inset:0;opacity:0;margin:0;cursor:pointer}
.seg span{display:block;padding:4px 14px;border-radius:7px}
.seg input:checked+span{background:var(--card);font-weight:600}
.seg input:focus-visible+span{outline:3px solid var(--accent);outline-offset:1px}
.latent{display:grid;grid-template-columns:minmax(0,1fr) 300px;gap:18px;align-items:start}
:root{--s:1}.plot>svg{display:block;width:100%;height:auto;touch-action:pan-y;cursor:pointer}
.mark{fill:var(--c,var(--soft));stroke:var(--card);stroke-width:1;transition:transform .6s cubic-bezier(.4,0,.2,1);outline:none}
.mark.faint{opacity:.3}
.mark.at{stroke:var(--fg);stroke-width:2.5}
svg:focus-within .mark.at{stroke:var(--accent);stroke-width:4}
.key{display:flex;flex-wrap:wrap;gap:4px 14px;margin:12px 0 0;padding:0;list-style:none;font-size:14px}
.key svg{display:inline-block;width:14px;height:14px;margin-right:5px;vertical-align:-2px}
.detail{position:sticky;top:16px}
.detail h3{margin-bottom:10px}
.detail .two{display:grid;grid-template-columns:1fr 1fr;gap:10px;font-size:13px;color:var(--soft)}
.detail dl,.facts{display:grid;grid-template-columns:auto minmax(0,1fr);gap:3px 16px;margin:14px 0 0;font-size:14px}
dt{color:var(--soft)}dd{margin:0}
.facts{margin:0;font-size:15px;gap:6px 20px}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:18px;align-items:start}
.anim figcaption{display:flex;justify-content:space-between;align-items:center;gap:10px;padding:10px 4px 0;font-size:14px}
.anim button{flex:none;padding:4px 14px;border:1px solid #c4cad1;border-radius:8px;background:#fff;color:#1b1f24;cursor:pointer}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:15px}
th,td{padding:6px 12px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal;overflow-wrap:break-word;min-width:3.5em}
tr:last-child td{border-bottom:0}
thead th{color:var(--soft);font-weight:500;font-size:14px}
tfoot td{font-weight:650;border-top:2px solid var(--line);border-bottom:0}
footer{padding:44px 20px 60px;color:var(--soft);font-size:14px}
.defs{position:absolute;width:0;height:0}
@media (max-width:820px){:root{--s:1.25}.latent{grid-template-columns:minmax(0,1fr)}.detail{position:static}}
@media (max-width:640px){:root{--s:1.7}body{font-size:15px}main,header,footer{padding-left:14px;padding-right:14px}section{margin-top:38px}
.wide{display:none!important}.narrow{display:block!important}.card{padding:14px}
.stats{grid-template-columns:1fr 1fr}.stats dd{font-size:21px}
.facts{gap:4px 14px;font-size:14px}th,td{padding:5px 8px}}
@media (prefers-reduced-motion:reduce){*{transition:none!important;scroll-behavior:auto!important}}
@media print{.bar,.hear::after,.anim button{display:none}section{break-inside:avoid}}
`;
