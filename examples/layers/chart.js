// Two drawings on a canvas, in the page's colours: a curve of losses, and waves on top of each other.

function prepared(id) {
  const canvas = document.getElementById(id);
  const context = canvas.getContext('2d');
  context.clearRect(0, 0, canvas.width, canvas.height);
  const style = getComputedStyle(canvas);
  const colour = (name) => {
    context.strokeStyle = name === 'ink' ? style.color : style.outlineColor;
  };
  return { context, width: canvas.width, height: canvas.height, colour };
}

function line({ context, width }, values, y) {
  context.beginPath();
  for (const [i, v] of values.entries()) context.lineTo((i / Math.max(1, values.length - 1)) * width, y(v));
  context.stroke();
}

/** Losses, the newest at the right, by their logarithm. */
export function drawLosses(id, losses) {
  const chart = prepared(id);
  const logs = losses.map(Math.log);
  const [least, most] = [Math.min(...logs), Math.max(...logs)];
  const y = (v) => 10 + ((most - v) / Math.max(1e-6, most - least)) * (chart.height - 20);
  chart.context.lineWidth = 2;
  chart.colour('accent');
  line(chart, logs, y);
}

/** Waves from -1 to 1, the last in the accent's colour. */
export function drawWaves(id, ...waves) {
  const chart = prepared(id);
  chart.context.lineWidth = 1.5;
  waves.forEach((wave, i) => {
    chart.colour(i === waves.length - 1 ? 'accent' : 'ink');
    chart.context.globalAlpha = i === waves.length - 1 ? 1 : 0.3;
    line(chart, wave, (v) => (0.5 - 0.45 * v) * chart.height);
  });
  chart.context.globalAlpha = 1;
}
