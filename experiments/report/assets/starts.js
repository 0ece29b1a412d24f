// Which starts were failed, by whom: a column a start, a row an agent.
const MOST = 80;
const outcomes = JSON.parse(document.getElementById("outcomes").textContent);
const startsTask = document.getElementById("starts-task"), startsAgent = document.getElementById("starts-agent");
const ANY = "any agent that learnt";

function cell(kind, ...children) {
  const found = document.createElement(kind);
  found.append(...children);
  return found;
}

function failedColumns(group) {
  const counted = group.agents.filter((a) => (startsAgent.value === ANY ? a.learnt : a.label === startsAgent.value));
  return group.seeds.map((_, column) => column).filter((c) => counted.some((a) => a.failures[c]));
}

function showStarts() {
  const group = outcomes.find((g) => g.title === startsTask.value);
  const all = failedColumns(group), columns = all.slice(0, MOST);
  const head = cell("tr", cell("th"), ...columns.map((c) => {
    const found = cell("th", String(group.seeds[c]));
    found.addEventListener("click", () => showStart(group.title, group.seeds[c]));
    return found;
  }));
  const rows = group.agents.map((agent) => cell("tr", cell("th", chip(agent.colour), agent.label),
    ...columns.map((c) => {
      const why = agent.failures[c], mark = document.createElement("i");
      if (why === null) return cell("td");
      mark.style.setProperty("--c", agent.colour);
      mark.className = why === "" ? "solved" : "failed";
      mark.title = `${group.seeds[c]}, ${agent.label}: ${why || "solved"}`;
      mark.addEventListener("click", () => showStart(group.title, group.seeds[c]));
      return cell("td", mark);
    })));
  const table = cell("table", cell("thead", head), cell("tbody", ...rows));
  table.className = "starts";
  document.getElementById("starts-table").replaceChildren(...(columns.length ? [table] : []));
  const shown = all.length > columns.length ? `; the first ${columns.length} are shown` : "";
  document.getElementById("starts-note").textContent = `${all.length} of ${group.seeds.length} starts were failed by ${startsAgent.value}${shown}.`;
}

function startsAgents() {
  const group = outcomes.find((g) => g.title === startsTask.value);
  fill(startsAgent, [ANY, ...group.agents.map((a) => a.label)]);
  showStarts();
}

startsTask.addEventListener("change", startsAgents);
startsAgent.addEventListener("change", showStarts);
fill(startsTask, outcomes.map((g) => g.title));
startsAgents();
