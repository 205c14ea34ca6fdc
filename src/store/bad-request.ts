/** A request the read API cannot answer, told to the client with status 400. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
}
