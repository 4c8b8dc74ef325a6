// Tasks of a page's main thread that keep it from answering: those over 50 ms, as the browser itself counts them.

import type { Page } from 'playwright';

type Watching = Window & { longTasks: number[] };

/** Counts from the next time the page is loaded. */
export const watchTasks = (page: Page): Promise<unknown> =>
  page.addInitScript(() => {
    const all: number[] = [];
    Object.assign(window, { longTasks: all });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) all.push(duration);
    }).observe({ entryTypes: ['longtask'] });
  });

/** Those since the last call, told. */
export async function tellTasks(page: Page): Promise<string> {
  const tasks = await page.evaluate(() => (window as unknown as Watching).longTasks.splice(0));
  return `main thread: ${tasks.length} tasks over 50 ms, longest ${Math.round(Math.max(0, ...tasks))} ms`;
}
