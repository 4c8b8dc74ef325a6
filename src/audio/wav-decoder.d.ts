// The part of the package wav-decoder 1.3.0 that wav.ts calls; the package brings no types.
declare module 'wav-decoder' {
  interface AudioData {
    sampleRate: number;
    numberOfChannels: number;
    length: number;
    channelData: Float32Array[];
  }
  interface Options {
    /** Divides positive samples by 2^(bits - 1) as it does negative ones, not by 2^(bits - 1) - 1. */
    symmetric?: boolean;
  }
  const wavDecoder: {
    decode: {
      (buffer: ArrayBuffer, options?: Options): Promise<AudioData>;
      sync(buffer: ArrayBuffer, options?: Options): AudioData;
    };
  };
  export default wavDecoder;
}
