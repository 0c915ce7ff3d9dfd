/** The reason for which a folder or a file of a store cannot be used. The message is for the operator. */
export class Unusable extends Error {
  constructor(
    readonly problem: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${problem}. ${remedy}`, options);
  }
}
