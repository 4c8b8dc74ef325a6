// What the tests in Chromium fetch beside their own modules: the golden files as bytes, and a plain page that loads
// the library as it is shipped, in one file, under a content security policy that allows its own scripts alone.
//   /golden/             names of the golden files (JSON)      /golden/NAME              one of them
//   /plain/KIND/         the page, KIND whole or minified      /plain/KIND/formant.js    the library
//                                                              /plain/KIND/page.js       the page's script
//   /bench/              the benchmark as a page, its script and styles, under the same policy and styles of its own
//   /report/             a report

import { readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { basename, join } from 'node:path';
import { build, type Plugin as EsbuildPlugin } from 'esbuild';
import type { Plugin } from 'vitest/config';
import { benchFiles, benchPage, browserBundle } from '../../scripts/bundle.mjs';
import { reportPage } from '../../src/report/page.ts';
import { smallContent } from '../report/content.ts';

const root = join(import.meta.dirname, '..', '..');
const golden = process.env.GOLDEN_DIR ?? join(root, 'test', 'golden');
const policy = "default-src 'none'; script-src 'self'";
const html = '<!doctype html><title>formant</title><script type="module" src="page.js"></script>';

/** The page's script takes the library from the file beside it. */
const library: EsbuildPlugin = {
  name: 'library',
  setup: ({ onResolve }) => {
    onResolve({ filter: /src\/index\.ts$/ }, () => ({ path: './formant.js', external: true }));
  },
};

async function script(kind: string, name: string): Promise<Uint8Array> {
  const options =
    name === 'page.js'
      ? { ...browserBundle, entryPoints: ['test/chromium/page.ts'], plugins: [library] }
      : { ...browserBundle, minify: kind === 'minified' };
  const { outputFiles } = await build({ ...options, absWorkingDir: root, write: false });
  return outputFiles![0].contents;
}

async function answer(url: string, response: ServerResponse): Promise<void> {
  const [, where, kind, name] = new URL(url, 'http://localhost').pathname.split('/');
  response.setHeader('cache-control', 'no-store');
  if (where === 'golden' && kind === '') {
    const files = readdirSync(golden).filter((file) => file.endsWith('.safetensors'));
    response.end(JSON.stringify(files.sort()));
  } else if (where === 'bench') {
    await answerBench(kind || 'index.html', response);
  } else if (where === 'report') {
    response.setHeader('content-type', 'text/html');
    response.end(reportPage(smallContent()));
  } else if (where === 'golden') {
    response.end(readFileSync(join(golden, basename(kind))));
  } else {
    response.setHeader('content-security-policy', policy);
    response.setHeader('content-type', name === '' ? 'text/html' : 'text/javascript');
    response.end(name === '' ? html : await script(kind, name));
  }
}

async function answerBench(name: string, response: ServerResponse): Promise<void> {
  const [, ending] = name.split('.');
  response.setHeader('content-security-policy', `${policy}; style-src 'self'; img-src data:`);
  response.setHeader('content-type', `text/${ending === 'js' ? 'javascript' : ending}`);
  if (benchFiles.includes(name)) return void response.end(readFileSync(join(root, 'bench', 'page', name)));
  const { outputFiles } = await build({ ...benchPage, absWorkingDir: root, write: false });
  response.end(outputFiles![0].contents);
}

export function testPages(): Plugin {
  return {
    name: 'test-pages',
    configureServer: ({ middlewares }) => {
      middlewares.use((request, response, next) => {
        const url = request.url ?? '';
        if (/^\/(golden|plain|bench|report)\//.test(url)) answer(url, response).catch(next);
        else next();
      });
    },
  };
}
