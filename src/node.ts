// Everything of `formant`, and the adapter ladder that opens an engine in Node.

export { type AdapterChoice, adapterChoices, type NodeEngineOptions, openEngine } from './engine/node.ts';
export * from './index.ts';
