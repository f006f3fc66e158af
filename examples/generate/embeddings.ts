import type { Random } from "./random.ts";

/** A power of two, so that a random start is one operation. */
const noiseLength = 2 ** 16;

/**
 * Vectors as embedding models make them, of length 1: topics lie apart, documents of a topic near each other, the
 * chunks of a document nearer. So the nearest neighbours of a chunk are its own document's, then its topic's, and an
 * approximate index has something to miss; independent random vectors are all equally far from each other and would
 * measure nothing.
 */
export class Embeddings {
  readonly dimension: number;
  readonly #noise: Float32Array;
  readonly #topics: Float32Array[];
  readonly #scratch: Float32Array;

  constructor(dimension: number, topics: number, random: Random) {
    this.dimension = dimension;
    // Windows into one long run of noise: unrelated wherever they begin, and much cheaper than new noise each time.
    this.#noise = Float32Array.from({ length: noiseLength + dimension }, () => random.normal());
    this.#scratch = zeros(dimension);
    this.#topics = Array.from({ length: topics }, () => this.#around(zeros(dimension), 1, random));
  }

  /** A document's place: near its topic, and now and then between two. */
  document(topic: number, random: Random): Float32Array {
    const centre = this.#topics[topic % this.#topics.length]!;
    if (!random.chance(0.15)) return this.#around(centre, 0.8, random);
    const other = random.pick(this.#topics);
    return this.#around(
      centre.map((value, index) => (value + other[index]!) / 2),
      0.8,
      random,
    );
  }

  /** A chunk's vector, near its document's: good until the next one is made, in the same memory. */
  chunk(document: Float32Array, random: Random): Float32Array {
    return this.#around(document, 0.55, random, this.#scratch);
  }

  /** @param distance Length of the noise, where the centre has length 1. */
  #around(
    centre: Float32Array,
    distance: number,
    random: Random,
    made: Float32Array = new Float32Array(this.dimension),
  ): Float32Array {
    const { dimension } = this;
    const noise = this.#noise;
    const start = random.uint32() & (noiseLength - 1);
    const scale = distance / Math.sqrt(dimension);
    let square = 0;
    for (let index = 0; index < dimension; index++) {
      const value = centre[index]! + scale * noise[start + index]!;
      made[index] = value;
      square += value * value;
    }
    const shrink = 1 / Math.sqrt(square);
    for (let index = 0; index < dimension; index++) made[index] = made[index]! * shrink;
    return made;
  }
}

function zeros(dimension: number): Float32Array {
  return new Float32Array(dimension);
}
