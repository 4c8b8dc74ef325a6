// The errors a caller can act on. A message reads `where: what is wrong, with the values; how to mend it`.

/** A tensor, option or argument whose shape or value an operation cannot take. Nothing was sent to the GPU. */
export class ShapeError extends Error {
  override name = 'ShapeError';
}

/** A file or a folder of data that cannot be used as it is. */
export class DataError extends Error {
  override name = 'DataError';
}

/** No adapter, a lost device, or an error that the GPU reported for earlier work. */
export class DeviceError extends Error {
  override name = 'DeviceError';
}

/** A run folder, checkpoint or model file that is damaged or belongs to something else. */
export class CheckpointError extends Error {
  override name = 'CheckpointError';
}

/** A training step whose loss or gradients were not finite. The parameters are those before that step. */
export class NonFiniteError extends Error {
  override name = 'NonFiniteError';
}
