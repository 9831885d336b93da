//! All stacks of the account, in one region or in all: asks the regions side by side.

use shardform::aws::AwsCloud;
use shardform::cloud::CloudError;
use shardform::execute::patiently;
use shardform::stacks::{Choice, Inventory, Stack, Why, choose, find, undecided, untold};
use tokio::task::JoinSet;

use crate::error::Error;

/// For how many stacks of a region tags are read one by one because nothing else tells their time. What is left when
/// half of a deletion went wrong is not more than that, and the calls stay bounded.
const MOST_TAG_READS: usize = 100;

/// What the regions hold.
pub struct Survey {
    /// The regions that have answered, in order.
    pub regions: Vec<Surveyed>,
    /// Those that have refused, in order, and why.
    pub refused: Vec<(String, CloudError)>,
}

/// What one region holds.
pub struct Surveyed {
    /// The cloud there.
    pub cloud: AwsCloud,
    /// What it lists.
    inventory: Inventory,
    /// Its stacks, by name.
    pub stacks: Vec<Stack>,
}

impl Survey {
    /// Asks the region that the cloud is for, or all.
    ///
    /// # Errors
    /// No region has answered, or nobody says which there are.
    pub async fn take(cloud: AwsCloud, all_regions: bool) -> Result<Self, Error> {
        let names = match all_regions {
            true => patiently(|| cloud.regions()).await.map_err(Error::Cloud)?,
            false => vec![cloud.region().to_owned()],
        };
        let mut reads = JoinSet::new();
        for name in names {
            let cloud = cloud.in_region(&name);
            reads.spawn(async move { (name, Surveyed::take(cloud).await) });
        }
        let mut survey = Survey { regions: Vec::new(), refused: Vec::new() };
        // A read neither panics nor is it ever aborted.
        while let Some(Ok((name, read))) = reads.join_next().await {
            match read {
                Ok(surveyed) => survey.regions.push(surveyed),
                Err(error) => survey.refused.push((name, error)),
            }
        }
        survey.regions.sort_by(|one, other| one.cloud.region().cmp(other.cloud.region()));
        survey.refused.sort_by(|(one, _), (other, _)| one.cmp(other));
        match survey.refused.first() {
            Some((_, error)) if survey.regions.is_empty() => Err(Error::Cloud(error.clone())),
            _ => Ok(survey),
        }
    }

    /// All stacks, by region and name.
    pub fn stacks(&self) -> impl Iterator<Item = &Stack> {
        self.regions.iter().flat_map(|region| &region.stacks)
    }

    /// The stacks to be deleted, each with its cloud. Where only a name says that one's time is over, its tags are read
    /// before that is believed.
    pub async fn choose(&mut self, choice: &Choice) -> Vec<(AwsCloud, Stack, Why)> {
        let mut chosen = Vec::new();
        for region in &mut self.regions {
            let by_time = Choice { tags: Default::default(), ..choice.clone() };
            let over = choose(&region.stacks, &by_time);
            let unread = undecided(over.into_iter().map(|(stack, _)| stack), &region.inventory);
            region.read(&unread).await;
            let doomed = choose(&region.stacks, choice).into_iter();
            chosen.extend(doomed.map(|(stack, why)| (region.cloud.of_stack(&stack.name), stack.clone(), why)));
        }
        chosen
    }
}

impl Surveyed {
    async fn take(cloud: AwsCloud) -> Result<Self, CloudError> {
        let inventory = patiently(|| cloud.inventory()).await?;
        let stacks = find(&inventory);
        let mut unread = untold(&stacks, &inventory);
        unread.truncate(MOST_TAG_READS);
        let mut surveyed = Surveyed { cloud, inventory, stacks };
        surveyed.read(&unread).await;
        Ok(surveyed)
    }

    /// Reads tags, and looks again at what they say.
    async fn read(&mut self, arns: &[String]) {
        if !arns.is_empty() {
            self.cloud.read_tags(&mut self.inventory, arns).await;
            self.stacks = find(&self.inventory);
        }
    }
}
