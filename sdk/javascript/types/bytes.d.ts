/**
 * Text and base64 to bytes and back: QuickJS has no TextEncoder.
 *
 * What holds: both ways are exact; what is no UTF-8 becomes U+FFFD, as a TextDecoder makes it that keeps a byte order mark. An interpreter takes a microsecond for each
 * step of a loop, and an answer may have eight million bytes: whatever can be done by the engine's own functions is done by them, a chunk at a time.
 * @module
 */
/** @param {string} text @returns {Uint8Array} UTF-8 */
export declare function encodeText(text: string): Uint8Array;
/**
 * What the bindings hand over: on StarlingMonkey they are a realm of their own, whose arrays are no `instanceof Uint8Array` here. Copied by the engine, not byte by byte.
 * @param {ArrayLike<number>} bytes @returns {Uint8Array}
 */
export declare function own(bytes: ArrayLike<number>): Uint8Array;
/** @param {Uint8Array[]} parts of any realm @returns {Uint8Array} of this one */
export declare function joined(parts: Uint8Array[]): Uint8Array;
/** @param {Uint8Array} bytes UTF-8 @returns {string} */
export declare function decodeText(bytes: Uint8Array): string;
/** @param {Uint8Array} bytes @returns {string} */
export declare function encodeBase64(bytes: Uint8Array): string;
/** @param {string} text @returns {Uint8Array} */
export declare function decodeBase64(text: string): Uint8Array;
