/** The shell's clock. The host sets it, so it bounds damage and no safety property rests on it (protocol section 3). */

export type Clock = {
  /** Whole seconds since 1970. */
  readonly unixSeconds: () => number
  /** False: the host can set this clock at will. True needs a timestamp that the NSM signs. */
  readonly attested: boolean
}
