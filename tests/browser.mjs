// What a reader does with a page of gcpo-report, in headless chromium over its debugging protocol.
//   node tests/browser.mjs PAGE WIDTH
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [page, width] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "gcpo-browser-"));
const chromium = spawn("chromium", ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
    "--user-data-dir=" + profile, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });

let sent = 0, rest = "", session, messages = 0;
const waiting = new Map(), events = new Map();
chromium.stdio[4].on("data", (data) => {
    const parts = (rest + data).split("\0");
    rest = parts.pop();
    for (const part of parts) {
        const m = JSON.parse(part);
        if (m.id) waiting.get(m.id)(m);
        else if (m.method === "Runtime.consoleAPICalled" || m.method === "Runtime.exceptionThrown" || m.method === "Log.entryAdded") messages++;
        else if (events.has(m.method)) events.get(m.method)();
    }
});
function send(method, params = {}) {
    const id = ++sent;
    chromium.stdio[3].write(JSON.stringify({ id, method, params, sessionId: session }) + "\0");
    return new Promise((done, failed) => waiting.set(id, (m) => (m.error ? failed(new Error(method + ": " + m.error.message)) : done(m.result))));
}
const event = (name) => new Promise((done) => events.set(name, done));
async function ask(expression) {
    const r = await send("Runtime.evaluate", { expression, returnByValue: true });
    if (r.exceptionDetails) throw new Error(r.exceptionDetails.exception.description);
    return r.result.value;
}

const timer = setTimeout(() => { console.log("chromium does not answer"); chromium.kill("SIGKILL"); process.exit(1); }, 600000);
try {
    const { targetInfos } = await send("Target.getTargets");
    session = (await send("Target.attachToTarget", { targetId: targetInfos.find((t) => t.type === "page").targetId, flatten: true })).sessionId;
    for (const domain of ["Page", "Runtime", "Log"]) await send(domain + ".enable");
    await send("Emulation.setDeviceMetricsOverride", { width: +width, height: 900, deviceScaleFactor: 1, mobile: false });
    const loaded = event("Page.loadEventFired");
    await send("Page.navigate", { url: "file://" + page });
    await loaded;

    console.log("page as wide as the window:", await ask("document.documentElement.scrollWidth <= innerWidth"));
    console.log("lines of the enlarged chart:", await ask(`
        document.querySelector('.charts > svg').dispatchEvent(new MouseEvent('click'));
        const names = Array.from(document.querySelectorAll('#zoom .u-series .u-label'), (l) => l.textContent).slice(1).join(' ');
        document.querySelector('#zoom canvas').width > 0 ? names : 'no canvas'`));
    await ask("document.querySelector('#zoom button').click()");
    console.log("opacity of a hidden run:", await ask(`
        document.querySelectorAll('#runs input')[1].click();
        document.querySelector('.charts > svg [data-line="1"]').style.opacity`));
    const choose = (name, value) => ask(`
        (() => { const f = document.getElementById('filters').elements['${name}'];
        if (f.type === 'checkbox') f.checked = true; else f.value = '${value}';
        f.dispatchEvent(new Event('input', { bubbles: true })); })()`);
    await choose("verdict", "no-answer");
    console.log("groups shown with verdict no-answer:", await ask("document.getElementById('count').textContent"));
    await choose("sort", "id");
    await choose("reverse", "1");
    console.log("first group by id, reversed:", await ask("document.querySelector('#groups > :not([hidden])').dataset.id"));
    await ask("document.querySelector('#groups > :not([hidden]) > summary').click()");
    if (!(await ask("document.querySelector('#groups > :not([hidden])').open"))) throw new Error("the group does not open");
    console.log("messages", messages);
} finally {
    // Its helpers write into the profile until it is gone.
    const gone = new Promise((done) => chromium.on("exit", done));
    session = undefined;
    send("Browser.close").catch(() => {});
    await gone;
    clearTimeout(timer);
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
}
