// Names below .localhost are this machine's, as RFC 6761 says; the resolver of a bare system does not know.
const dns = require("node:dns");
const { lookup } = dns;
dns.lookup = (name, options, callback) => {
  if (typeof options === "function") [options, callback] = [{}, options];
  if (!name.endsWith(".localhost")) return lookup(name, options, callback);
  const found = { address: "127.0.0.1", family: 4 };
  process.nextTick(() => (options.all ? callback(null, [found]) : callback(null, found.address, found.family)));
};
