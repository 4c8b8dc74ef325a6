// The kinds of networks, by the name a configuration gives.

import { type ConvNetwork, conv } from './conv.ts';
import { type MlpNetwork, mlp } from './mlp.ts';
import type { Coders, Ends } from './network.ts';

export type { ConvNetwork, Ends, MlpNetwork };
export type NetworkConfig = ConvNetwork | MlpNetwork;

const networks = { conv, mlp };

/** @throws ShapeError, see each network's `check`. */
export function networkOf(config: NetworkConfig & Ends): Coders<NetworkConfig & Ends> {
  const found = networks[config.network] as Coders<NetworkConfig & Ends>;
  found.check(config);
  return found;
}
