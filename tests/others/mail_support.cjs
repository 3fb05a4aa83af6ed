// Says which features of the mail on standard input a mail program knows nothing
// of, by the data of caniemail.com: a JSON object of features, each with the
// programs. Its arguments are the programs, as that site calls them.
const { pathToFileURL } = require("url");

(async () => {
    const { caniemail } = await import(pathToFileURL(`${process.env.NODE_PATH}/caniemail/dist/index.js`));
    let html = "";
    for await (const chunk of process.stdin.setEncoding("utf8")) html += chunk;
    // Its data has this property under the newer name only, and its code trips over the older one.
    html = html.replaceAll("word-wrap:break-word;", "");
    const missing = {};
    for (const [program, issues] of caniemail({ html, clients: process.argv.slice(2) }).issues.errors) {
        for (const { title } of issues) (missing[title] ??= new Set()).add(program);
    }
    const shown = Object.entries(missing).map(([title, programs]) => [title, [...programs].sort()]);
    console.log(JSON.stringify(Object.fromEntries(shown.sort())));
})();
