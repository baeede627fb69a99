import { Link } from "wouter";
import { PageHead } from "../parts/page";
import { Empty } from "../parts/states";
import { useView } from "../view/view";

/** Its place is kept, and nothing is made up to fill it. */
export default function Pacing() {
  const { href } = useView();
  return (
    <div className="page">
      <PageHead title="Pacing" />
      <section className="sheet">
        <Empty title="Not in this version">
          <p>Budgets, how fast they are spent, and what the end of the day will bring will stand here. Until then the spend of each campaign, and its change against yesterday, stand on the campaigns page.</p>
          <p>
            <Link className="btn" href={href("/campaigns")}>
              Campaigns
            </Link>
          </p>
        </Empty>
      </section>
    </div>
  );
}
