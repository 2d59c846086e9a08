// The live example on a program's page: what a purchase earns under the rules as they stand in the form.
document.addEventListener("DOMContentLoaded", () => {
  const panel = document.querySelector("[data-example]");
  const form = document.getElementById("program_form");
  if (!panel || !form) return;
  const amount = panel.querySelector("input");
  const lines = panel.querySelector("ul");
  const names = ["points_per_unit", "minimum_purchase", "max_points_per_order"];
  let waiting = null;
  let asked = 0;

  const show = async () => {
    const question = new URLSearchParams({ amount: amount.value });
    for (const name of names) {
      const field = form.elements[name];
      if (field) question.set(name, field.value);
    }
    const turn = ++asked;
    const response = await fetch(`${panel.dataset.example}?${question}`, { headers: { Accept: "application/json" } });
    if (!response.ok || turn !== asked) return;
    const answer = await response.json();
    lines.replaceChildren(...answer.lines.map((text) => {
      const line = document.createElement("li");
      line.textContent = text;
      return line;
    }));
  };

  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 200);
  };
  amount.addEventListener("input", soon);
  amount.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  for (const name of names) form.elements[name]?.addEventListener("input", soon);
  show();
});

// A run under way, or about to be: the page follows it.
document.addEventListener("DOMContentLoaded", () => {
  const follows = document.querySelector("[data-reload]");
  if (follows) setTimeout(() => location.reload(), 1000 * Number(follows.dataset.reload));
});
