// The report's script, which runs in the page: sounds behind buttons, one at a time; the map, whose marks move between
// projections and take the colours of labels or speakers, are shown by the pointer or the arrow keys and played by a
// click or Enter; animations that stand still where less motion is asked for. It puts texts into the page as text only.

export const script = `
'use strict';
const $ = (id) => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const sounds = JSON.parse($('sounds').textContent);

let playing = null;
function stop() {
  if (!playing) return;
  playing.audio.pause();
  for (const e of playing.elements) e.classList.remove('on');
  playing = null;
}
/** Plays sounds one after the other; elements show that theirs is heard. */
function play(queue) {
  stop();
  const [first, ...rest] = queue.filter((q) => q.sound !== null);
  if (!first) return;
  const audio = new Audio('data:audio/wav;base64,' + sounds[first.sound]);
  const elements = first.element ? [first.element] : [];
  const mine = (playing = { audio, elements });
  for (const e of elements) e.classList.add('on');
  audio.onended = () => {
    if (playing !== mine) return;
    stop();
    if (rest.length) play(rest);
  };
  audio.play().catch(() => playing === mine && stop());
}
document.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-sound]');
  if (!button) return;
  if (button.classList.contains('on')) stop();
  else play([{ sound: Number(button.dataset.sound), element: button }]);
});

const still = matchMedia('(prefers-reduced-motion: reduce)');
for (const figure of document.querySelectorAll('.anim')) {
  const image = figure.querySelector('img');
  const button = figure.querySelector('button');
  const rest = image.src;
  const move = (on) => {
    image.src = on ? image.dataset.gif : rest;
    button.textContent = on ? 'Pause' : 'Play';
  };
  button.hidden = false;
  button.onclick = () => move(image.src === rest);
  move(!still.matches);
}

const map = $('map');
if (map) startMap();
function startMap() {
  const marks = [...map.querySelectorAll('.mark')];
  const reachable = marks.filter((m) => m.dataset.item !== undefined);
  let at = reachable[0];
  let places = data.maps[0].points;
  const placeOf = (m) => { const i = 2 * marks.indexOf(m); return [places[i], places[i + 1]]; };

  function show(mark) {
    if (mark === at && $('detail').dataset.item === mark.dataset.item) return;
    at.classList.remove('at');
    at.tabIndex = -1;
    at = mark;
    at.classList.add('at');
    at.tabIndex = 0;
    const item = data.items[mark.dataset.item];
    $('detail').dataset.item = mark.dataset.item;
    $('detail-name').textContent = item.name;
    ['x', 'y'].forEach((k) => {
      const tile = $('detail-' + k).querySelector('.tile');
      tile.style.setProperty('--x', item[k][0]);
      tile.style.setProperty('--y', item[k][1]);
      tile.setAttribute('aria-label', (k === 'x' ? 'Original: ' : 'Reconstruction: ') + item.name);
      const button = $('detail-' + k).querySelector('button');
      if (button) {
        button.dataset.sound = item[k][2];
        button.setAttribute('aria-label', (k === 'x' ? 'Play the original of ' : 'Play the reconstruction of ') + item.name);
      }
    });
    const list = $('detail-facts');
    list.replaceChildren();
    for (const [name, value] of item.facts) {
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
      dt.textContent = name;
      dd.textContent = value;
      list.append(dt, dd);
    }
  }
  function hear(mark) {
    show(mark);
    const item = data.items[mark.dataset.item];
    play(['x', 'y'].map((k) => ({ sound: item[k][2], element: $('detail-' + k).querySelector('button') })));
  }
  /** The mark nearest to the pointer, within a finger's width. */
  function near(event) {
    const box = map.getBoundingClientRect();
    const scale = data.size[0] / box.width;
    const [px, py] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    let [best, least] = [null, 24 * scale];
    for (const m of reachable) {
      const [x, y] = placeOf(m);
      const d = Math.hypot(x - px, y - py);
      if (d < least) [best, least] = [m, d];
    }
    return best;
  }
  map.addEventListener('pointermove', (event) => {
    const mark = near(event);
    if (mark) show(mark);
  });
  map.addEventListener('click', (event) => {
    const mark = near(event);
    if (!mark) return;
    mark.focus({ preventScroll: true });
    hear(mark);
  });
  map.addEventListener('focusin', (event) => event.target.dataset.item !== undefined && show(event.target));
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  map.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      return hear(at);
    }
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    const [x, y] = placeOf(at);
    let [best, least] = [null, Infinity];
    for (const m of reachable) {
      const [dx, dy] = [placeOf(m)[0] - x, placeOf(m)[1] - y];
      const along = dx * way[0] + dy * way[1];
      const aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
      if (m === at || along <= 0 || aside > 2 * along) continue;
      if (along + 2 * aside < least) [best, least] = [m, along + 2 * aside];
    }
    if (best) best.focus();
  });

  function place(name) {
    const chosen = data.maps.find((m) => m.name === name);
    places = chosen.points;
    marks.forEach((m) => {
      const [x, y] = placeOf(m);
      m.style.transform = 'translate(' + x + 'px,' + y + 'px) scale(calc(var(--s)*var(--r)))';
    });
    $('axes').textContent = chosen.note;
  }
  const glyph = (k) => data.glyphs[Math.floor(k / data.colours) % data.glyphs.length];
  const colour = (k) => (k < 0 ? 'var(--soft)' : 'var(--k' + (k % data.colours) + ')');
  function paint(name) {
    const { classes, names } = data.colourings.find((c) => c.name === name);
    marks.forEach((m, i) => {
      m.style.setProperty('--c', colour(classes[i]));
      m.setAttribute('d', glyph(Math.max(0, classes[i])));
    });
    const entries = [...names.entries()].filter(([k]) => classes.includes(k));
    $('key').replaceChildren(...entries.map(([k, text]) => {
      const entry = document.createElement('li');
      const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
      svg.setAttribute('viewBox', '-8 -8 16 16');
      svg.setAttribute('aria-hidden', 'true');
      const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
      path.setAttribute('d', glyph(k));
      path.style.fill = colour(k);
      svg.append(path);
      entry.append(svg, text);
      return entry;
    }));
  }
  for (const input of document.querySelectorAll('.bar input'))
    input.addEventListener('change', () => (input.name === 'map' ? place : paint)(input.value));
  if (data.colourings.length) paint(data.colourings[0].name);
  if (at) show(at);
}
`;
