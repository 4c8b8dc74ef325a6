// Everything that runs in a browser as in Node: `formant`. Its parts have entry points of their own.

export * from './audio.ts';
export * from './engine.ts';
export * from './model.ts';
