/** Ends what a run started, newest first, as node:test does for a test. */
export class Cleanup {
  #steps = [];
  #running = null;

  after(step) {
    this.#steps.push(step);
  }

  /** Every step, whatever becomes of the others. Whoever calls meanwhile waits for the same end. */
  run() {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run() {
    const problems = [];
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        problems.push(error);
      }
    }
    if (problems.length > 0) throw new AggregateError(problems, "not everything could be ended");
  }
}
