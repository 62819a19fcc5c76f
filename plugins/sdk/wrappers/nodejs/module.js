// What the wrapper of a module has on every platform. Before this there is MODULE, its name in config.json.

/** A package of the module's; what its lack most likely means is said. */
function load(name) {
  try {
    return require(name);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    throw undeclared(`there is no ${name}`, { cause: error });
  }
}

/** That config.json lacks the module, and what tells so. */
function undeclared(sign, options) {
  return new Error(
    `this function uses ${MODULE}, but its config.json does not declare it: add "${MODULE}" to "modules" (${sign})`,
    options,
  );
}
