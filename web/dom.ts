// Elements in a line of code, for views that are written by hand.

type Child = Node | string | null;
type Value = string | number | boolean | ((event: never) => void);

/**
 * @param attributes attributes by name; functions listen to the event of that name, true is an attribute without a value, and
 *   false none
 */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value as EventListener);
    else if (value !== false) element.setAttribute(name, value === true ? '' : `${value}`);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A context that draws on the processor: a canvas on the GPU would wait there for the model's work, and the page with it. */
export const plainContext = (canvas: HTMLCanvasElement) =>
  canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;

/** A canvas as large as it is shown, in device pixels; `draw` is called whenever that changes, and by `redraw`. */
export function sizedCanvas(
  canvas: HTMLCanvasElement,
  draw: (context: CanvasRenderingContext2D, width: number, height: number) => void,
): { redraw: () => void } {
  const context = plainContext(canvas);
  let due = 0;
  const paint = () => {
    due = 0;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0 || height === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  const redraw = () => {
    if (due === 0) due = requestAnimationFrame(paint);
  };
  new ResizeObserver(redraw).observe(canvas);
  window.matchMedia('(prefers-color-scheme: light)').addEventListener('change', redraw);
  return { redraw };
}

/** The value of a colour or length that the style sheet names. */
export const styleOf = (name: string) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Offers bytes as a file. */
export function download(bytes: Uint8Array<ArrayBuffer>, name: string, type: string): void {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  const link = el('a', { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
