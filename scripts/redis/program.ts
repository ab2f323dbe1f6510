/** A program that speaks Redis, and where its loader finds the libraries that came with it. */
export type RedisProgram = { readonly path: string; readonly libraryPath: string | undefined }
